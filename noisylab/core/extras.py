"""Which extra of the package brings what is not installed."""

# What is imported, and the extra that installs it.
EXTRAS = {
    **dict.fromkeys(
        ("PIL", "filelock", "matplotlib", "pandas", "pebble", "rich", "seaborn", "sklearn", "tabulate", "torch"), "study"
    ),
    **dict.fromkeys(("torchvision", "xarray", "zarr"), "study"),
    **dict.fromkeys(("jinja2", "plotly"), "report"),
    "cleanlab": "cleanlab",
    **dict.fromkeys(("accelerate", "datasets", "transformers"), "hf"),
    "lightning": "lightning",
    "tensorboard": "tensorboard",
    "timm": "timm",
}


def how_to_install(error: ImportError) -> str | None:
    """What to say instead of an import's error if one of the package's extras would mend it; else None."""
    module = (error.name or "").split(".")[0]
    extra = EXTRAS.get(module)
    return extra and f'{module} is not installed; pip install "noisylab[{extra}]"'
