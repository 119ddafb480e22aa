import pickle

import pytest

from pipeline.spec import errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ProjectError)]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_the_way_between_processes(kind: type[errors.ProjectError]) -> None:
    there_and_back = pickle.loads(pickle.dumps(kind("what, where")))
    assert type(there_and_back) is kind
    assert str(there_and_back) == "what, where"


def test_divergence_keeps_its_step() -> None:
    error = pickle.loads(pickle.dumps(errors.Diverged("not finite", 12)))
    assert (str(error), error.step) == ("not finite", 12)
