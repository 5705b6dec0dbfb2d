"""Data that `ImageData.save` wrote."""

from pathlib import Path

from noisylab.core.checks import FolderText
from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData


@DATA_SETS.register("saved", main="path")
def saved(
    path: FolderText,
    *,
    root: Path | None = None,  # noqa: ARG001 - every data set is offered the root
) -> ImageData:
    """A folder that `ImageData.save` wrote; a study saves data that it gets as objects in this form."""
    folder = Path(path)
    if not (folder / "data.json").is_file():
        raise ValueError(f"data set saved: {path!r} is not a folder that ImageData.save wrote")
    return ImageData.open(folder)
