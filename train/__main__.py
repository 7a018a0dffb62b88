"""The door to training.

python -m train inspect ./my-icons            what is in a set of icons, and what is wrong with it
python -m train inspect iconify-json-openmoji.tgz --only 'cat*,dog*'      the same of a part of a collection
python -m train inspect ./my-icons --size 28 --threshold 0.5 --out ./seen      as they look small, in black and white
python -m train icons NotoColorEmoji.ttf --only faces --out ./faces      write the icons as PNG files, to prune them
python -m train fit --icons ./my-icons        train on them
python -m train evaluate BUNDLE --icons ./my-icons      how good a model is
python -m train encoder --icons NotoColorEmoji.ttf --report      how well copies are found
python -m train enlarger --icons iconify-json-noto.tgz --out enlarger.safetensors      train what draws icons large
python -m train bench                         how fast the presets train here
python -m train ablate --icons ./my-icons --out ./ablation    what each ingredient of the recipe is worth
python -m train compare --icons ./my-icons --minutes 10 --out ./compared      presets side by side
python -m train report runs/0007-sagan-faces  draw report.png and report.html of a run anew
"""

from generator.door import add, new_door
from generator.streams import plain_streams

COMMANDS = {
    "A set of icons": {
        "inspect": (
            "sets:inspect_command",
            "Report on a set of icons before any training: what is in it, what was left out, what looks wrong.",
        ),
        "icons": (
            "sets:icons_command",
            "Write the icons of the sources as PNG files, named and numbered, so that a person can prune them.",
        ),
    },
    "A model": {
        "fit": (
            "fit:fit_command",
            "Train a generator on icons; the run folder holds its log, its sheets and the bundles `best/` and "
            "`latest/`.",
        ),
        "report": (
            "report:report_command",
            "Draw `report.png` and `report.html` of a run: figures, curves, sheets over time, nearest training icons.",
        ),
        "compare": (
            "compare:compare_command",
            "Train presets on the same icons, for the same time or on as many images, and show them side by side.",
        ),
        "evaluate": (
            "evaluate:evaluate_command",
            "Measure how good a model is: each figure beside the same between real icons, and how to read it.",
        ),
    },
    "For who changes how it is done": {
        "bench": (
            "bench:bench_command",
            "Measure how fast presets train here, in turns: images/s, memory, and share of the matrix rate.",
        ),
        "ablate": (
            "ablate:ablate_command",
            "Train the recipe with each ingredient changed, for equal time (or --kimg), and compare what comes out.",
        ),
        "encoder": (
            "encoder:encoder_command",
            "Train the encoder on nine tenths of the icons; find changed versions of the others among all of them.",
        ),
        "enlarger": (
            "enlarger:enlarger_command",
            "Train the enlarger on nine tenths of the icons; report PSNR and SSIM on the others, beside Lanczos.",
        ),
    },
}
"""Under its panel, where each command stands in `train.doors`, and the first sentence of its help."""

PANELS = {
    "Icons": (
        *("icons", "only", "share", "size", "background", "alpha", "gray", "threshold", "hold_out"),
        *("name", "license_"),
    ),
    "Beginning and end": ("start", "resume", "kimg", "minutes", "seconds", "steps", "patience", "seed", "seeds"),
    "How": ("preset", "base", "variant", "batch", "samples", "evaluate_every", "device", "price"),
    "What is written": ("runs", "out", "report", "progress", "as_json", "dry_run", "show"),
    "The recipe: on or off": ("color", "mirror", "adaptive", "minibatch_stddev"),
}

app = new_door("From a folder of icons to a model.")
for _panel, _commands in COMMANDS.items():
    for _name, (_place, _about) in _commands.items():
        add(app, _name, f"train.doors.{_place}", _about, PANELS, _panel)

if __name__ == "__main__":
    plain_streams()
    app(prog_name="python -m train")
