"""The networks of the paper, by the names of their families."""

LCN, CNN, FCN = "lcn", "cnn", "fcn"
STANDARD = VGG11, VGG16, RESNET18, RESNET34, EFFICIENTNETB0 = (
    "vgg11",
    "vgg16",
    "resnet18",
    "resnet34",
    "efficientnetb0",
)
"""The standard architectures."""
