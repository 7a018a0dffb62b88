"""The door to the generator: pictures from a bundle and a seed, without Discord.

python -m generator icon --seed 42                      one icon, enlarged to 512 pixels
python -m generator grid --seed 1 --count 64            a sheet of the seeds 1 to 64
python -m generator morph --from 1 --to 2               an animated walk from one icon to another and back
python -m generator attention --seed 1                  what the network looks at while it draws
python -m generator export --count 1000 --out ./drawn   icons in their own size, to train on, with a manifest
python -m generator neighbors --seed 42                 the icon beside its nearest training icons
python -m generator invert cat.png                      the icon that is most like a picture, and its latent
python -m generator info                                what the bundle is and how good
"""

from generator.door import add, new_door
from generator.streams import plain_streams

COMMANDS = {
    "icon": ("draw:icon_command", "Draw one icon: that of a seed, or the best of some fresh ones."),
    "grid": ("draw:grid_command", "Draw a sheet of icons: the seed and those that follow it."),
    "morph": ("draw:morph_command", "Draw an animated walk from one icon to another, there and back, as a WebP."),
    "attention": (
        "draw:attention_command",
        "Draw what attention sees: beside each icon, for points in a ring, where in the icon they were taken from.",
    ),
    "export": (
        "draw:export_command",
        "Write icons in their own size, a seed and those that follow: training data, with a manifest of its origin.",
    ),
    "neighbors": (
        "compare:neighbors_command",
        "Draw an icon beside its nearest training icons, with their distances, and say what these mean.",
    ),
    "invert": (
        "compare:invert_command",
        "Search for the latent whose icon is nearest to a picture: a best effort, some seconds long.",
    ),
    "info": ("info:info_command", "Show a bundle's card; a damaged bundle is refused."),
}
"""Where each command stands in `generator.commands`, and the first sentence of its help."""

PANELS = {
    "What is drawn": ("seed", "start", "end", "picture", "count", "candidates", "wildness", "bundle"),
    "What is written": ("size", "columns", "frames", "neighbors", "plain", "output", "out", "as_json"),
    "How": ("steps", "device"),
}

app = new_door("From a bundle and a seed to a picture.")
for _name, (_place, _about) in COMMANDS.items():
    add(app, _name, f"generator.commands.{_place}", _about, PANELS, "Commands")

if __name__ == "__main__":
    plain_streams()
    app(prog_name="python -m generator")
