"""trek's dataclasses are made more cheaply than the library's, and nobody can tell them apart."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError

import pytest

from trek_core._dataclass import _FEW, dataclass, field, replace
from trek_core.model import Entry, Facts, File, HistoryRow
from trek_core.plans import Plan


def test_the_library_takes_them_for_its_own():
    assert dataclasses.is_dataclass(File)
    assert [field.name for field in dataclasses.fields(File)] == ["path", "root"]
    assert dataclasses.asdict(File("a", "b")) == {"path": "a", "root": "b"}
    assert dataclasses.replace(File("a", "b"), root="c") == File("a", "c")


def test_replace_takes_the_librarys_as_well():
    assert replace(File("a", "b"), root="c") == File("a", "c")
    assert replace(dataclasses.make_dataclass("Point", ["x", "y"])(1, 2), x=3).x == 3


def test_they_are_frozen_and_have_slots():
    file = File("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="'path' of File"):
        file.path = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del file.path
    assert not hasattr(file, "__dict__")


def test_they_are_equal_by_their_fields_and_count_as_one_key():
    assert File("a", "b") == File("a", "b") != File("a", "c")
    assert {File("a"): 1}[File("a")] == 1
    assert File("a") != ("a", "")


def test_a_field_that_is_left_out_of_comparison_and_repr_is():
    assert Plan("head", origin=object()) == Plan("head", origin=object())
    assert "origin" not in repr(Plan("head", origin=object()))


def test_a_default_is_made_anew_for_each_object():
    first, second = (Entry(revision="1", load=print) for _ in range(2))
    assert first.meta == {}
    assert first.meta is not second.meta


def test_their_signature_is_told():
    assert str(inspect.signature(File)) == "(path: 'str', root: 'str' = '') -> None"
    assert inspect.signature(Facts).parameters["database"].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_wrong_call_is_named():
    with pytest.raises(TypeError, match=r"File.__init__\(\) missing 1 required positional argument: 'path'"):
        File()
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        HistoryRow(revision="1", nonsense=1)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_is_equal(again):
    row = HistoryRow(revision="1", data={"a": [1]})
    assert again(row) == row


def test_they_match_by_position():
    match File("a", "b"):
        case File(path, root):
            assert (path, root) == ("a", "b")


@dataclass(frozen=True, slots=True)
class Wide:
    a: int
    b: int = 2
    c: int = 3
    d: int = 4
    e: int = 5
    f: list[int] = field(default_factory=list)


class Wider(Wide):
    """With a `__dict__`, as a class has that says nothing of slots."""


@pytest.mark.parametrize("cls", [Wide, Wider])
def test_one_of_many_fields_is_as_frozen_as_others_and_what_inherits_from_it_too(cls: type[Wide]):
    made = cls(1, f=[6])
    assert (type(made), made.a, made.e, made.f) == (cls, 1, 5, [6])
    with pytest.raises(FrozenInstanceError):
        made.b = 3  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Wish:
    size: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            msg = f"size is {self.size}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Wishes(Wish):
    colour: str = "red"


def test_fields_and_checks_are_inherited():
    assert repr(Wishes(2)) == "Wishes(size=2, colour='red')"
    assert [field.name for field in dataclasses.fields(Wishes)] == ["size", "colour"]
    assert dataclasses.replace(Wishes(2), colour="blue") == Wishes(2, "blue") == copy.copy(Wishes(2, "blue"))


@pytest.mark.parametrize("before", [0, _FEW])
def test_the_first_objects_and_the_later_ones_are_made_alike(before: int):
    """Only the later ones by a constructor that was compiled."""

    @dataclass(frozen=True)
    class Wish:
        size: int
        colour: str = "red"
        places: list[int] = field(default_factory=list)

        def __post_init__(self) -> None:
            if self.size < 1:
                msg = f"size is {self.size}"
                raise ValueError(msg)

    for _ in range(before):
        Wish(1)
    assert Wish(2) == Wish(2, "red", []) == Wish(size=2, places=[]) == Wish(2, places=[], colour="red")
    assert Wish(2).places is not Wish(2).places
    with pytest.raises(ValueError, match="size is 0"):
        Wish(0)


@pytest.mark.parametrize(
    ("given", "named", "said"),
    [
        ((), {"b": 2}, "missing 1 required positional argument: 'a'"),
        ((1,), {"a": 1}, "got multiple values for argument 'a'"),
        ((1,), {"z": 1}, "got an unexpected keyword argument 'z'"),
        ((), {"z": 1}, "got an unexpected keyword argument 'z'"),
        ((1, 2, 3, 4, 5, [], 7), {}, "takes from 2 to 7 positional arguments but 8 were given"),
    ],
)
def test_every_wrong_call_is_told_as_a_function_tells_it(given: tuple, named: dict, said: str):
    with pytest.raises(TypeError, match=said):
        Wide(*given, **named)


def test_a_class_whose_objects_are_given_by_name_takes_none_by_place():
    with pytest.raises(TypeError, match=r"Facts.__init__\(\) takes 1 positional argument but 2 were given"):
        Facts("shop")


# --------------------------------------------------------------------------- what would be made wrongly is refused
def test_a_default_that_all_objects_would_share_is_refused():
    with pytest.raises(ValueError, match=r"Shared.tags: all objects would share the default \[\]"):

        @dataclass
        class Shared:
            tags: list[str] = []  # noqa: RUF012


@pytest.mark.parametrize("first", ["1", "field(default=1)", "field(default_factory=int)"])
def test_a_field_without_a_default_behind_one_that_has_one_is_refused(first):
    source = f"@dataclass\nclass Wrong:\n    a: int = {first}\n    b: int\n"
    with pytest.raises(TypeError, match=r"Wrong\.b has no default, and follows a, which has one"):
        exec(source, {"dataclass": dataclass, "field": field})


@pytest.mark.parametrize("kind", ["'typing.ClassVar[int]'", "typing.ClassVar[int]", "dataclasses.InitVar[int]"])
def test_what_is_no_field_is_refused(kind):
    source = f"import dataclasses, typing\n@dataclass\nclass Wrong:\n    a: {kind} = 1\n"
    with pytest.raises(TypeError, match=r"Wrong\.a is .*: this dataclass knows only fields"):
        exec(source, {"dataclass": dataclass})


def test_a_field_may_be_called_as_anything_that_init_needs():
    @dataclass(frozen=True)
    class Odd:
        nothing: int
        made: int
        become: int
        set_made: int
        default_last: int
        new_last: int
        last: list[int] = field(default_factory=list)
        end: int = 7

    for number in range(200):  # those that are made by the compiled one too
        found = Odd(number, 1, 2, 3, 4, 5)
        assert (found.nothing, found.made, found.become, found.set_made) == (number, 1, 2, 3)
        assert (found.default_last, found.new_last, found.last, found.end) == (4, 5, [], 7)
