"""The laboratory: run plans, the result store, executors, figures and the report (extra ``lab``)."""
