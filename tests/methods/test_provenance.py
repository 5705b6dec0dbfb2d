"""What methods say of themselves: sources of all numbers, recipes, and what a training costs."""

import method_kit as kit
import pytest
from helpers_training import CONFIG, SAMPLES, training_set
from torch import Tensor, nn

from noisylab.core.registries import METHODS
from noisylab.methods import Frozen
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.sources import BEGIN, PAGE, with_table
from noisylab.training import train

OWN = [name for name, entry in METHODS.entries().items() if entry.module.startswith("noisylab.")]


@pytest.mark.parametrize("name", OWN)
def test_every_option_has_a_source_and_every_source_an_option(name: str) -> None:
    provenance = METHODS.load(name).provenance
    assert set(provenance.numbers) == set(METHODS.entries()[name].options)
    assert all(text.strip() == text != "" for text in [*provenance.numbers.values(), *provenance.deviations])
    assert provenance.published


@pytest.mark.parametrize("name", OWN)
def test_fidelity_is_stated_by_the_class_itself_and_an_approximation_says_what_is_missing(name: str) -> None:
    kind = METHODS.load(name)
    assert isinstance(vars(kind).get("provenance"), Provenance), "not inherited, and not the default"
    assert kind.provenance.fidelity != "approximation" or kind.provenance.deviations


@pytest.mark.parametrize("name", OWN)
def test_a_recipe_has_a_source_and_a_default(name: str) -> None:
    recipes = METHODS.load(name).recipe
    assert not recipes or "default" in recipes, "a data set that the paper does not have takes it"
    for recipe in recipes.values():
        assert isinstance(recipe, Recipe)
        assert recipe.source
        assert recipe.overrides()


def test_the_page_on_methods_has_the_current_table_and_each_method_in_the_one_above() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run make stubs"
    above = page.partition(BEGIN)[0]
    assert not [name for name in OWN if not any(f"`{name}`" in row for row in above.splitlines() if row.startswith("|"))]


@pytest.mark.parametrize(
    ("spec", "fidelity"),
    {
        "lsr": "paper", "lsr:-0.4": "approximation", "mean_teacher": "approximation", "mean_teacher(form='kl')": "ours",
        "bake": "approximation", "bake(batches='plain')": "ours", "dlb": "paper", "dlb(on='gce')": "ours",
        "logit_clip(on='gce')": "paper", "tf_kd_reg": "code", "tf_kd_reg(form='paper')": "paper",
    }.items(),
)  # fmt: skip
def test_options_decide_how_faithful_a_method_is(spec: str, fidelity: str) -> None:
    parsed = METHODS.parse(spec)
    assert METHODS.load(parsed.name).fidelity_for(**parsed.options) == fidelity


FACTORS = {
    "ce": 1, "dlb": 2, "repeat": 2, "hinton_kd": 2, "tf_kd_self": 2, "ban:3": 2, "dml": 2, "coteaching": 2, "cs_kd": 2,
    "ddgsd": 2, "tf_kd_reg": 1,
    "ps_kd": 1, "ps_kd(snapshot=True)": 1 + 6 / 7, "snapshot_kd:1": 1, "snapshot_kd:2": 1 + 4 / 7, "snapshot_kd:3": 1 + 5 / 7,
    "mr_kd(interval=1)": 1 + (1 + 5 * 2) / 7, "mr_kd(copies=3, interval=2)": 1 + (2 * 1 + 2 * 2 + 1 * 3) / 7,
    "soft_target_memory:2": 1, "soft_target_memory(repeat=True)": 2, "soft_target_memory(unit='iterations')": 2,
    "dlb(on='elr')": 2, "lwr": 1, "temporal_ensembling": 1, "elr": 1, "byot": 1, "forward_correction": 1,
}  # fmt: skip
EPOCHS = 7


@pytest.mark.parametrize("spec", FACTORS)
def test_the_images_of_all_networks_are_those_that_pass_through_them(spec: str) -> None:
    parsed = METHODS.parse(spec)
    stated = METHODS.load(parsed.name).total_images_factor(epochs=EPOCHS, **parsed.options)
    assert stated == pytest.approx(FACTORS[spec])
    method, passed = kit.build(spec, epochs=EPOCHS), 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal passed
        passed += len(inputs[0])

    networks = [each for each in method.modules() if hasattr(each, "classifier") and hasattr(each, "stages")]
    for network in networks:
        network.classifier.register_forward_hook(count)
    train(method, training_set(), CONFIG.__class__(epochs=EPOCHS, batch_size=16, device="cpu"))
    # What the last batch of all holds is never repeated.
    unrepeated = SAMPLES % 8 if method.composition == "last" else 0
    assert passed + unrepeated == pytest.approx(stated * EPOCHS * SAMPLES)
    assert all(not module.training for module in method.modules() if isinstance(module, Frozen))


def test_compute_counts_the_trainings_of_teachers() -> None:
    def factor(spec: str) -> float:
        parsed = METHODS.parse(spec)
        computed: float = METHODS.load(parsed.name).compute_factor(epochs=10, **parsed.options)
        return computed

    assert [factor(spec) for spec in ("ce", "hinton_kd", "tf_kd_self", "dml")] == [1, 3, 3, 2]
    assert [factor(f"ban:{generations}") for generations in (2, 3, 4)] == [3, 5, 7]
    assert [factor(spec) for spec in ("forward_correction", "forward_correction(transition='known')")] == [2, 1]
    assert [factor(spec) for spec in ("dlb", "dlb(on='forward_correction')")] == [2, 3]


def test_on_another_base_or_in_another_form_fidelity_is_another() -> None:
    def fidelity(spec: str) -> str:
        parsed = METHODS.parse(spec)
        stated: str = METHODS.load(parsed.name).fidelity_for(**parsed.options)
        return stated

    specs = ("dlb", "dlb(alpha=3)", "dlb(on='gce')", "repeat", "tf_kd_reg", "tf_kd_reg(form='paper')", "elr")
    assert [fidelity(spec) for spec in specs] == ["paper", "paper", "ours", "ours", "code", "paper", "code"]
