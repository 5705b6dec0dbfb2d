"""Data that `ImageData.save` wrote."""

from pathlib import Path

from noisylab.core.checks import LabelText, PathText
from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData


@DATA_SETS.register("saved", main="path")
def saved(
    path: PathText,
    label: LabelText | None = None,  # noqa: ARG001 - tables show it
    *,
    root: Path | None = None,  # noqa: ARG001 - every data set is offered the root
) -> ImageData:
    """A folder that `ImageData.save` wrote; a study saves data that it gets as objects in this form."""
    folder = Path(path).expanduser()
    if not (folder / "data.json").is_file():
        raise ValueError(f"data set saved: {path!r} is not a folder that ImageData.save wrote")
    return ImageData.open(folder)
