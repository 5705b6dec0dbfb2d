"""Which extra of the package installs a missing library."""

# Imported module -> the extra that installs it.
EXTRAS = {
    **dict.fromkeys(
        ("PIL", "filelock", "matplotlib", "pandas", "pebble", "rich", "seaborn", "sklearn", "tabulate", "torch"), "study"
    ),
    **dict.fromkeys(("torchvision", "tueplots", "xarray", "zarr"), "study"),
    "jinja2": "report",
    "distributed": "dask",
    "cleanlab": "cleanlab",
    "scikit_posthocs": "ranks",
    **dict.fromkeys(("accelerate", "datasets", "transformers"), "hf"),
    "lightning": "lightning",
    "tensorboard": "tensorboard",
    "timm": "timm",
}


def how_to_install(error: ImportError) -> str | None:
    """A message with the command that installs the missing module, if one of the package's extras does; else None."""
    module = (error.name or "").split(".")[0]
    extra = EXTRAS.get(module)
    return extra and f'{module} is not installed; pip install "noisylab[{extra}]"'
