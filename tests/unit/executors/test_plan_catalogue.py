"""Is the catalogue one that a learner can follow, and does a topic find its place in it?"""

from __future__ import annotations

import itertools
from importlib.resources import files

import pytest

from regen_plan_catalogue.catalogue import GENERIC, TOPICS, methods, topic
from regen_plan_catalogue.matching import named_subject, subjects
from tests.unit.executors.plans import LEVELS, NAMED, STYLES, plan_of

EVERY = (*TOPICS, GENERIC)


@pytest.mark.parametrize("name", EVERY)
def test_every_lesson_is_whole(name: str) -> None:
    lessons = [lesson for module in topic(name).modules for lesson in module.lessons]
    assert len(lessons) >= 12
    for lesson in lessons:
        assert any(lesson.minutes)
        assert all(minutes == 0 or (20 <= minutes <= 240 and minutes % 5 == 0) for minutes in lesson.minutes), lesson.title
        assert all(text.endswith((".", "?", "!")) for text in (lesson.objective, lesson.task, lesson.check)), lesson.title


@pytest.mark.parametrize("name", EVERY)
def test_no_module_requires_one_that_comes_later_or_that_may_be_left_out_whole(name: str) -> None:
    seen: dict[str, bool] = {}
    for module in topic(name).modules:
        assert set(module.requires) <= set(seen)
        assert not any(seen[wanted] for wanted in module.requires)
        assert module.id not in seen
        seen[module.id] = all(lesson.optional for lesson in module.lessons)


def test_every_file_of_the_catalogue_is_a_topic_or_the_methods() -> None:
    found = {entry.name for entry in files("regen_plan_catalogue").joinpath("topics").iterdir() if entry.name[0] != "_"}
    assert found == {f"{name}.toml" for name in (*EVERY, "methods")}


@pytest.mark.parametrize("style", STYLES)
def test_the_shares_of_a_style_add_up(style: str) -> None:
    steps = next(method.steps for name, method in methods().styles.items() if name == style)
    assert sum(step.share for step in steps) == 100
    assert all(set(step.text) == set(LEVELS) for step in steps)


@pytest.mark.parametrize("words", [*NAMED, "beekeeping"])
def test_every_level_and_style_gives_another_plan(words: str) -> None:
    plans = {
        (level, style): plan_of(topic=words, skillLevel=level, learningStyle=style) for level in LEVELS for style in STYLES
    }
    for one, other in itertools.combinations(plans.values(), 2):
        assert one.modules != other.modules
    minutes = [plans[level, "mixed"].totals.minutes for level in LEVELS]
    assert len(set(minutes)) == 3
    kinds = {
        style: {resource.kind for module in plans["beginner", style].modules for resource in module.resources}
        for style in STYLES
    }
    assert "video" not in kinds["reading"] | kinds["practice"]
    assert kinds["mixed"] == {"reading", "video", "practice"}


def test_a_beginner_is_taken_to_know_nothing_and_others_what_is_left_out_below() -> None:
    assert plan_of(skillLevel="beginner").assumed == ()
    assert "Install Python and run a file" in plan_of(skillLevel="intermediate").assumed


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Python", "python"),
        ("learn Python!", "python"),
        ("Python for biologists", "python"),
        ("Learn to code in Python", "python"),
        ("Introduction to Statistics", "statistics"),
        ("statistics with Python", "statistics"),
        ("interview prep", "interview-prep"),
        ("Backend interview prep", "interview-prep"),
        ("Prepare for job interviews", "interview-prep"),
        ("HTML, CSS and JavaScript", "web"),
        ("SQL and data analysis", "sql"),
        ("machine learning for trading", "machine-learning"),
        ("conversational Spanish", "spanish"),
        ("public speaking for engineers", "public-speaking"),
        ("Python for data analysis", "python-data"),
        ("data analysis with Python", "python-data"),
        ("learn pandas", "python-data"),
        ("data analysis", "sql"),
        ("Python lernen", "python"),
        ("Ich möchte Python lernen", "python"),
        ("aprender Python", "python"),
        ("Python für Datenanalyse", "python-data"),
        ("Maschinelles Lernen", "machine-learning"),
        ("日本語で機械学習を学ぶ", "machine-learning"),
        ("Statistik für Anfänger", "statistics"),
        ("Danish", None),
        ("state of the art", None),
        ("State management", None),
        ("typography", None),
        ("Spanish cooking", None),
        ("films of Monty Python", None),
        ("Java programming", None),
        ("rock and roll history", None),
        ("日本語", None),
        ("???", None),
    ],
)
def test_words_find_their_topic(words: str, found: str | None) -> None:
    assert [(one.words, one.topic) for one in subjects(words)] == [(words, found)]


@pytest.mark.parametrize(
    ("words", "found", "remark"),
    [
        ("Pyton", "python", "“Pyton” was read as “Python”."),
        ("machine lerning", "machine-learning", "“lerning” was read as “learning”."),
        ("Introduction to Statisitcs", "statistics", "“Statisitcs” was read as “Statistics”."),
        (
            "React",
            "web",
            "The catalogue has no lessons on “React” itself. This plan covers Web development, the nearest that it has.",
        ),
        ("Recat", "web", "“Recat” was read as “React”."),
        ("Learn PyTorch", "machine-learning", "no lessons on “PyTorch” itself"),
        ("Python for biologists", "python", "choose it “for biologists”"),
        ("statistics with Python", "statistics", "The catalogue has lessons on Python too"),
    ],
)
def test_what_the_lessons_do_not_cover_is_said(words: str, found: str, remark: str) -> None:
    (subject,) = subjects(words)
    assert subject.topic == found
    assert any(remark in one for one in subject.remarks)
    assert subject.remarks == plan_of(topic=words).remarks


@pytest.mark.parametrize(
    "words", ["Python", "Python lernen", "Python in 30 days", "Python for beginners", "HTML, CSS and JavaScript"]
)
def test_a_topic_that_is_covered_whole_needs_no_remark(words: str) -> None:
    assert plan_of(topic=words).remarks == ()


@pytest.mark.parametrize("words", ["beekeeping", "Java programming", "Python and chess"])
def test_a_topic_without_lessons_says_so_first(words: str) -> None:
    first = plan_of(topic=words).remarks[0]
    assert first.startswith(f"The catalogue has no lessons on “{words.rpartition(' and ')[2]}”. This is a research plan")
    assert "The catalogue has lessons on: Python, Python for data analysis, SQL and data analysis" in first


def test_python_for_data_analysis_is_about_data() -> None:
    plan = plan_of(topic="Python for data analysis")
    text = plan.model_dump_json()
    for word in ("NumPy", "pandas", "Matplotlib", "Group and summarise", "missing values"):
        assert word in text
    assert "type checker" not in text


@pytest.mark.parametrize("words", [*NAMED, "Python for data analysis"])
def test_an_advanced_learner_does_not_get_the_beginners_first_week(words: str) -> None:
    beginner, advanced = (plan_of(topic=words, skillLevel=level, weeklyHours=5) for level in ("beginner", "advanced"))
    first = {session.lesson for session in beginner.schedule[0].sessions}
    titles = {lesson.title for module in beginner.modules for lesson in module.lessons if lesson.id in first}
    if words != "interview prep":  # an applicant of any level reads the advert first
        assert not titles & {lesson.title for module in advanced.modules for lesson in module.lessons}
        assert titles <= set(advanced.assumed)


def test_a_list_of_subjects_is_taken_apart() -> None:
    found = [[(one.words, one.topic) for one in subjects(words)] for words in ("SQL and Python", "Python, chess")]
    assert found == [[("SQL", "sql"), ("Python", "python")], [("Python", "python"), ("chess", None)]]
    modules = plan_of(topic="Python, chess").modules
    assert {module.id[:3] for module in modules} == {"s1-", "s2-"}


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("beekeeping", "beekeeping"),
        ("Learn Modern Greek", "Greek"),
        ("how to play chess", "playing chess"),
        ("I want to learn to write novels", "writing novels"),
        ("learn how to run a business", "running a business"),
        ("introduction to logic", "logic"),
        ("learn", "learn"),
        ("日本語", "日本語"),
    ],
)
def test_a_topic_is_named_as_a_noun(words: str, subject: str) -> None:
    assert named_subject(words) == subject


def test_an_unknown_topic_is_spoken_of_by_its_own_words() -> None:
    plan = plan_of(topic="learn {task} <b>beekeeping</b> #panic()")
    assert plan.modules[0].title == "Find your way into {task} <b>beekeeping</b> #panic()"
    assert all("{topic}" not in lesson.title for module in plan.modules for lesson in module.lessons)
