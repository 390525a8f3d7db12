"""The encoder that tells a `FusionNet` what is in a picture: the pretrained one where it is, the course's own where it is not."""

from pathlib import Path

from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.semantics import InceptionEmbedding, SceneEmbedding

OWN = "scenes-semantics"  # the checkpoint
REPOSITORY = "timm/inception_resnet_v2.tf_in1k"  # on the Hugging Face Hub
FILE = "model.safetensors"  # the only form that is read: it holds numbers, and nothing in it can run
IN_FULL = "course_lib.models.encoders.find_encoder(download=True)"


class EncoderError(RuntimeError):
    """Pretrained weights that cannot be had or used; the message says what to do."""


def find_encoder(download=False):
    """The best encoder of gray pictures that there is on this machine.

    Parameters
    ----------
    download : bool
        Fetch the weights of Inception-ResNetV2, 220 MB, from the Hugging Face Hub if they are not on this machine. Without it nothing asks
        the network.

    Returns
    -------
    encoder : InceptionEmbedding or SceneEmbedding
        Lightness in network units (B, 1, H, W) to embeddings (B, ``encoder.length``).
    sentence : str
        Which one it is, how long its embedding is, and how to get the other.

    Raises
    ------
    EncoderError
        With ``download``: the weights cannot be fetched, or they are damaged.
    CheckpointError
        The course's own encoder cannot be used.
    """
    if download:
        return _pretrained(_fetch_weights())
    path, missing = find_weights(), "There are no weights of Inception-ResNetV2 on this machine"
    if path is not None:
        try:
            return _pretrained(path)
        except EncoderError as error:
            missing = str(error).rstrip(".")
    encoder, accuracy = scene_encoder(), read_card(OWN)["metrics"]["accuracy"]
    return encoder, (
        f"{missing}, so the course's own small encoder says what is in a picture, in {encoder.length} numbers. It names the "
        f"right one of six kinds of scenes for {accuracy:.0%} of gray photographs. To fetch the other (220 MB): {IN_FULL}"
    )


def scene_encoder():
    """The course's own encoder, with the weights of its checkpoint: a `SceneEmbedding`."""
    classifier = load_checkpoint(OWN)
    encoder = SceneEmbedding(**classifier.arguments)
    encoder.classifier.load_state_dict(classifier.state_dict())
    return encoder


def find_weights():
    """The file with the weights of Inception-ResNetV2 in the local cache of the Hugging Face Hub: a path, or None."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(REPOSITORY, FILE)
    return Path(found) if isinstance(found, str) else None  # it also tells that there is no such file in the repository


def _fetch_weights():
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(REPOSITORY, FILE))
    except Exception as error:  # the client raises errors of several packages
        raise EncoderError(
            f"The weights of Inception-ResNetV2 cannot be fetched from the Hugging Face Hub ({type(error).__name__}: {error}). "
            "Check the network and try again, or go on with the course's own encoder: find_encoder()."
        ) from error


def _pretrained(path):
    """Inception-ResNetV2 with the weights in a file, and the sentence about it."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        encoder = InceptionEmbedding(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise EncoderError(f"{path} is damaged. Delete it and fetch it again: {IN_FULL}") from error
    return encoder, (
        f"Inception-ResNetV2, trained on the photographs of ImageNet, says what is in a picture, in {encoder.length:,} numbers. "
        "The course's own small encoder is course_lib.models.encoders.scene_encoder()."
    )
