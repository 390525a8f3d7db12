"""A small classifier of scenes, which judges colorizations: what does a network that learned from color pictures see in them?"""

from torch import nn

MEAN, SPREAD = 0.45, 0.25  # roughly those of sRGB photographs


class SceneClassifier(nn.Module):
    """Convolutions that halve the resolution five times, the mean over the picture, and one number per class.

    The measure of R. Zhang, P. Isola and A. A. Efros, "Colorful Image Colorization" (ECCV 2016), section 3.1 ("semantic interpretability"),
    where the classifier was VGG-16 on ImageNet.

    Parameters
    ----------
    classes : int
    widths : sequence of int
        Channels after each halving.
    """

    def __init__(self, *, classes=6, widths=(32, 64, 96, 128, 128)):
        super().__init__()
        self.arguments = {"classes": classes, "widths": list(widths)}
        channels, layers = 3, []
        for width in widths:
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)
        self.answer = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels, classes)
        )

    def forward(self, rgb):
        """sRGB in [0, 1], (B, 3, H, W), to logits, (B, classes)."""
        return self.answer(self.see(rgb))

    def see(self, rgb):
        """sRGB in [0, 1], (B, 3, H, W), to the features from which the class is named, (B, C, h, w)."""
        return self.features((rgb - MEAN) / SPREAD)
