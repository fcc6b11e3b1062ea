def shipped() -> dict[str, Any]:
    path = zoo.find_model("amt-course").path.with_name("card.json")
    if not path.exists():
        pytest.fail("data/models/amt-course has no card.json: run `python -m course_utils.train amt-card`")
    return json.loads(path.read_text("utf-8"))


def test_the_shipped_card_is_of_the_shipped_weights() -> None:
    stored, path = shipped(), zoo.weights_path("amt-course")
    assert stored["weights_sha256"] == sha256_of(path)
    assert stored["weights_bytes"] == path.stat().st_size
    assert (path.parent / "card.md").read_text("utf-8") == as_page(stored)
    assert stored["floor"] == judge(stored)


def test_a_figure_of_the_shipped_card_is_what_its_weights_give() -> None:
    from course_utils.amt.load import load_amt

    stored, net = shipped()["by_piece"], load_amt("course")
    for piece in (song_piece(0), song_piece(1)):
        bits = event_bits(net, controlled(piece, "none", np.random.default_rng(0)))
        assert stored[piece.name] == pytest.approx(bits.sum() / len(bits), abs=0.01)
