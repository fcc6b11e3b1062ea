"""Make the course models again: `python -m course_utils.train --help`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course_utils.paths import ROOT, data_folder

if TYPE_CHECKING:
    from course_utils.train.music import Piece

app = typer.Typer()
RUNS = ROOT / "runs"
DEBIAN_SAMPLES = Path("/usr/share/sonic-pi/samples")  # package sonic-pi-samples
DEBIAN_FONT = Path("/usr/share/sounds/sf3/FluidR3Mono_GM.sf3")  # package fluidr3mono-gm-soundfont

CorpusFolder = Annotated[Path, typer.Option("--corpus", help="Folder of the prepared music.")]
RunFolder = Annotated[Path, typer.Option("--run", help="Folder of checkpoints; training resumes from it.")]
MusicRunFolder = Annotated[
    Path | None,
    typer.Option("--run", help="Folder of checkpoints (default: runs/amt, with --shards runs/amt-shards)."),
]


@app.callback(invoke_without_command=True)
def everything(context: typer.Context) -> None:
    """Make the course models again, from music to model card: every step in order, or the one that is named."""
    if context.invoked_subcommand is not None:
        return
    from course_utils.recorded.__main__ import main as recordings

    if not (RUNS / "corpus" / "corpus.json").exists():
        corpus()
    codec()
    export()
    card()
    if not (RUNS / "tokens" / "tokens.json").exists():
        tokens()
    for stage in ("coarse", "fine", "causal"):
        vampnet(stage)
        export_vampnet(stage)
    recordings([])
    token_card()
    amt()
    export_amt()
    amt_card()


def _sources(samples: Path, font: Path, without_collages: bool) -> tuple[list[Path], Path | None]:
    """The SoundFonts and the folder of samples to make music from; ends the program where samples are missing."""
    from course_utils.train.corpus import SMALL_FONT

    fonts = [data_folder() / SMALL_FONT]
    if font.exists():
        fonts.append(font)
    else:
        typer.echo(f"{font} is not here: all pieces are played by the small SoundFont in data/", err=True)
    if not samples.is_dir() and not without_collages:
        typer.echo(
            f"Error: no folder of CC0 samples at {samples}. Install Debian's sonic-pi-samples, or unpack the npm "
            "package supersonic-scsynth-samples and name its folder with --samples; --without-collages goes on "
            "without, and makes other models than the ones in data/",
            err=True,
        )
        raise typer.Exit(1)
    return fonts, samples if samples.is_dir() else None


@app.command()
def corpus(
    folder: CorpusFolder = RUNS / "corpus",
    minutes: Annotated[float, typer.Option(help="Minutes of music to make.")] = 130.0,
    samples: Annotated[Path, typer.Option(help="Folder of CC0 samples (Debian's sonic-pi-samples).")] = DEBIAN_SAMPLES,
    font: Annotated[Path, typer.Option(help="A second SoundFont, for variety.")] = DEBIAN_FONT,
    without_collages: Annotated[bool, typer.Option(help="Go on without the CC0 samples.")] = False,
) -> None:
    """Make the training music: rendered MIDI, collages of samples, composed pieces."""
    from course_utils.train.corpus import build

    fonts, box = _sources(samples, font, without_collages)
    items = build(folder, minutes, box, fonts)
    typer.echo(f"{len(items)} stretches of music in {folder}")


@app.command()
def tokens(
    folder: Annotated[Path, typer.Option("--tokens", help="Folder of the codes.")] = RUNS / "tokens",
    minutes: Annotated[float, typer.Option(help="Minutes of music to make.")] = 300.0,
    samples: Annotated[Path, typer.Option(help="Folder of CC0 samples (Debian's sonic-pi-samples).")] = DEBIAN_SAMPLES,
    font: Annotated[Path, typer.Option(help="A second SoundFont, for variety.")] = DEBIAN_FONT,
    without_collages: Annotated[bool, typer.Option(help="Go on without the CC0 samples.")] = False,
) -> None:
    """Make music and encode it with the course codec: what the VampNet models learn from."""
    from course_utils.codec import load_codec
    from course_utils.files import sha256_of
    from course_utils.train.tokens import build_tokens
    from course_utils.zoo import weights_path

    fonts, box = _sources(samples, font, without_collages)
    sha256 = sha256_of(weights_path("course-codec"))
    typer.echo(f"{build_tokens(folder, load_codec('course'), sha256, minutes, box, fonts)} frames in {folder}")


@app.command()
def codec(
    folder: RunFolder = RUNS / "codec",
    corpus_folder: CorpusFolder = RUNS / "corpus",
    steps: Annotated[int | None, typer.Option(help="Steps of the joint phase (default: the recipe's).")] = None,
    stop_after: Annotated[int | None, typer.Option(help="Stop this call after so many steps.")] = None,
) -> None:
    """Train the codec, or go on where it stopped."""
    import dataclasses

    from course_utils.train.adversarial import train_adversarial
    from course_utils.train.codec import CodecRecipe, train_codec

    recipe = CodecRecipe()
    if steps is not None:
        recipe = dataclasses.replace(recipe, steps=steps)
    best = train_codec(folder, corpus_folder, recipe, stop_after)
    if recipe.adversarial_steps and stop_after is None:
        best = train_adversarial(folder, corpus_folder, recipe)
    typer.echo(f"best checkpoint: {best}")


@app.command()
def vampnet(
    stage: Annotated[str, typer.Argument(help="coarse, fine or causal.")],
    folder: Annotated[
        Path | None, typer.Option("--run", help="Folder of checkpoints; training resumes from it.")
    ] = None,
    tokens_folder: Annotated[Path, typer.Option("--tokens", help="Folder of the codes.")] = RUNS / "tokens",
    steps: Annotated[int | None, typer.Option(help="Steps in all (default: the recipe's).")] = None,
    stop_after: Annotated[int | None, typer.Option(help="Stop this call after so many steps.")] = None,
) -> None:
    """Train a VampNet course model on the codes; the causal one forks off the coarse one's run."""
    import dataclasses

    import torch

    from course_utils.codec import load_codec
    from course_utils.files import sha256_of
    from course_utils.train.masked import recipe_for, train_tokens
    from course_utils.train.tokens import Tokens
    from course_utils.zoo import weights_path

    recipe = recipe_for(stage)
    if steps is not None:
        recipe = dataclasses.replace(recipe, steps=steps)
    course_codec = load_codec("course")
    codebooks = torch.stack([course_codec.codebook(i) for i in range(course_codec.n_codebooks)])
    fork = RUNS / "vampnet-coarse" / "fork.pt" if stage == "causal" else None
    store = Tokens(tokens_folder)
    if store.codec_sha256 != sha256_of(weights_path("course-codec")):
        typer.echo(f"Error: {tokens_folder} holds the codes of another codec: remove it and make them anew", err=True)
        raise typer.Exit(1)
    typer.echo(train_tokens(folder or RUNS / f"vampnet-{stage}", store, codebooks, recipe, stop_after, fork))


@app.command()
def amt(
    folder: MusicRunFolder = None,
    shards: Annotated[
        list[Path] | None,
        typer.Option(
            help="Train on the pieces in this folder of shards (see `lakh`) instead of the course's own; may be given "
            "several times. Pieces for validation are held out. Their events are unpacked there first: 24 bytes each."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all (default: the recipe's).")] = None,
    stop_after: Annotated[int | None, typer.Option(help="Stop this call after so many steps.")] = None,
) -> None:
    """Train the course's Anticipatory Music Transformer on Freedoom's pieces and composed songs, or on --shards.

    Training goes on from what is in the folder of checkpoints.
    """
    from course_utils.train.anticipation import MusicRecipe, MusicTraining
    from course_utils.train.lakh import shards_story
    from course_utils.train.music import held_out_pieces, story, training_pieces
    from course_utils.train.music_card import sequences_story

    recipe = MusicRecipe() if steps is None else MusicRecipe(steps=steps)
    if shards:
        training, held_out = _shard_pieces(shards, "train"), _shard_pieces(shards, "validation")
    else:
        training, held_out = training_pieces(), held_out_pieces()
    data = f"{shards_story(training) if shards else story(training)}; {sequences_story(training)}"
    typer.echo(MusicTraining(folder or _music_run(shards), training, held_out, recipe, data).go(stop_after))


def _music_run(shards: list[Path] | None) -> Path:
    """Where a run is unless it is told: one on other music does not go on from the course's own."""
    return RUNS / ("amt-shards" if shards else "amt")


def _shard_pieces(shards: list[Path], split: str) -> list[Piece]:
    """The pieces of one side; ends the program where there are none."""
    from course_utils.train.lakh import CorpusError, shard_pieces

    try:
        return shard_pieces(shards, split)
    except CorpusError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def export(
    folder: RunFolder = RUNS / "codec",
    corpus_folder: CorpusFolder = RUNS / "corpus",
    hardware: Annotated[str, typer.Option(help="What it was trained on, in words, for the card.")] = "not stated",
    notes: Annotated[str, typer.Option(help="What else the card should say of the training.")] = "",
) -> None:
    """Put the best checkpoint into data/models/course-codec, in half precision."""
    from course_utils.train.corpus import Corpus
    from course_utils.train.export import export_codec

    typer.echo(f"wrote {export_codec(folder, Corpus(corpus_folder), hardware, notes)}")


@app.command()
def export_vampnet(
    stage: Annotated[str, typer.Argument(help="coarse, fine or causal.")],
    folder: Annotated[Path | None, typer.Option("--run", help="Folder of checkpoints.")] = None,
    tokens_folder: Annotated[Path, typer.Option("--tokens", help="Folder of the codes.")] = RUNS / "tokens",
    hardware: Annotated[str, typer.Option(help="What it was trained on, in words, for the card.")] = "not stated",
    notes: Annotated[str, typer.Option(help="What else the card should say of the training.")] = "",
) -> None:
    """Put the averaged network of a run into data/models/vampnet-<stage>, in half precision."""
    from course_utils.train.export import export_network
    from course_utils.train.tokens import Tokens

    run = folder or RUNS / f"vampnet-{stage}"
    typer.echo(f"wrote {export_network(run, stage, Tokens(tokens_folder), hardware, notes)}")


@app.command()
def export_amt(
    folder: MusicRunFolder = None,
    hardware: Annotated[str, typer.Option(help="What it was trained on, in words, for the card.")] = "not stated",
    notes: Annotated[str, typer.Option(help="What else the card should say of the training.")] = "",
) -> None:
    """Put the averaged network of a run into data/models/amt-course, in half precision."""
    from course_utils.train.export import export_music

    typer.echo(f"wrote {export_music(folder or _music_run(None), hardware, notes)}")


@app.command()
def card(corpus_folder: CorpusFolder = RUNS / "corpus") -> None:
    """Measure the shipped weights and write their model card."""
    from course_utils.codec import load_codec
    from course_utils.train.card import codec_card, write_card
    from course_utils.train.corpus import Corpus
    from course_utils.train.export import enter_in_manifest, training_story
    from course_utils.zoo import weights_path

    path = weights_path("course-codec")
    music = Corpus(corpus_folder) if (corpus_folder / "corpus.json").exists() else None
    if music is None:
        typer.echo(f"no corpus in {corpus_folder}: the card will say nothing on the codebooks' use", err=True)
    result = codec_card(load_codec("course"), path, music, training_story(path))
    write_card(result, path.parent)
    enter_in_manifest()
    typer.echo(json.dumps(result["floor"], indent=1))


@app.command()
def token_card(
    tokens_folder: Annotated[Path, typer.Option("--tokens", help="Folder of the codes.")] = RUNS / "tokens",
) -> None:
    """Measure the shipped VampNet networks against guesses without a network, and write their three cards."""
    from course_utils.codec import load_codec
    from course_utils.train.baselines import fit_baselines
    from course_utils.train.export import enter_in_manifest
    from course_utils.train.token_card import make_cards
    from course_utils.train.tokens import Tokens

    cards = make_cards(fit_baselines(Tokens(tokens_folder)), load_codec("course"), typer.echo)
    enter_in_manifest()
    typer.echo(json.dumps({name: card["floor"] for name, card in cards.items()}, indent=1))


@app.command()
def amt_card(
    processes: Annotated[
        int | None, typer.Option(min=1, help="Accompaniments made at a time (default: one for each core of a CPU).")
    ] = None,
) -> None:
    """Measure the shipped Anticipatory Music Transformer on held-out pieces, and write its card."""
    import os

    from course_utils.amt.load import COURSE_MODEL, load_amt
    from course_utils.train.export import enter_in_manifest, training_story
    from course_utils.train.music import training_pieces
    from course_utils.train.music_card import measured_pieces, music_card, write_music_card
    from course_utils.zoo import weights_path

    told = training_story(weights_path(COURSE_MODEL))
    network = load_amt("course")
    processes = processes or (os.cpu_count() or 1 if network.device.type == "cpu" else 1)
    result = music_card(network, measured_pieces(), training_pieces(), told, typer.echo, processes)
    write_music_card(result)
    enter_in_manifest()
    typer.echo(json.dumps(result["floor"], indent=1))


@app.command()
def lakh(
    folder: Annotated[Path, typer.Argument(help="Folder of MIDI files, with any folders in it.")],
    out: Annotated[Path, typer.Option(help="Folder for the shards and the report; a stopped run goes on from it.")],
    workers: Annotated[int | None, typer.Option(help="Processes (default: one for each core).")] = None,
    copies: Annotated[int, typer.Option(min=0, help="Copies of each piece in the training sequences; 0: none.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the copies' controls and order.")] = 0,
    shard_files: Annotated[int, typer.Option(min=1, help="MIDI files in a shard.")] = 200,
) -> None:
    """Tokenise a folder of MIDI files of any size; broken ones are counted, listed and left out."""
    from course_utils.train.lakh import CorpusError, tokenise

    try:
        report = tokenise(folder, out, workers, copies, seed, shard_files, typer.echo)
    except CorpusError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What is done stays in {out}: the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    typer.echo(json.dumps(report, indent=1))
    typer.echo(f"files left out, each with the reason: {out / 'left_out.tsv'}")


if __name__ == "__main__":
    app()
