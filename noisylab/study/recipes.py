"""Published training settings of methods, written out in their texts when a study is planned."""

from collections.abc import Iterable
from typing import Literal

from noisylab.core.registries import DATA_SETS, METHODS
from noisylab.core.specs import Spec
from noisylab.methods.provenance import Recipe
from noisylab.training.config import TrainConfig

Recipes = Literal["common", "paper", "both"]


def with_recipes(methods: Iterable[str], recipe: Recipes, data: str, training: TrainConfig) -> tuple[str, ...]:
    """The canonical texts of methods with the settings that a study asks for, each text once.

    common: as they are. paper: with the published settings as overrides. both: each method as it is, followed by that with its
    published settings if these are other ones. data: spec of the data set. training: the study's common settings.
    """
    chosen: list[str] = []
    for method in methods:
        chosen += [] if recipe == "paper" else [str(METHODS.parse(method))]
        # Published settings are facts of the class, whose import takes seconds.
        chosen += [] if recipe == "common" else [with_paper_recipe(method, data, training)]
    return tuple(dict.fromkeys(chosen))


def with_paper_recipe(method: str, data: str, training: TrainConfig) -> str:
    """The canonical text of a method with its published settings for a data set, or its general ones, as overrides.

    Only settings that differ from the study's are written out, and overrides that the text has already hold over them.
    """
    spec = METHODS.parse(method)
    recipes = METHODS.load(spec.name).recipe
    found: Recipe | None = recipes.get(DATA_SETS.parse(data).name, recipes.get("default"))
    published = found.overrides() if found else {}
    other = {key: value for key, value in published.items() if getattr(training, key) != value}
    merged = {**other, **spec.overrides}
    ordered = {key: merged[key] for key in METHODS.overrides if key in merged}
    return str(METHODS.parse(str(Spec(spec.name, spec.options, "", "", ordered))))
