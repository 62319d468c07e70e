def test_bentoml_finds_the_page_by_name_and_loads_nothing_yet() -> None:
    from lolomo.serving.bentos.page import page

    assert page.name == "page"
