"""The door to the generator: pictures from a bundle and a seed, without Discord.

python -m generator icon --seed 42                      one icon, enlarged to 512 pixels
python -m generator grid --seed 1 --count 64            a sheet of the seeds 1 to 64
python -m generator morph --from 1 --to 2               an animated walk from one icon to another and back
python -m generator export --count 1000 --out ./drawn   icons in their own size, to train on, with a manifest
python -m generator neighbors --seed 42                 the icon beside its nearest training icons
python -m generator invert cat.png                      the icon that is most like a picture, and its latent
python -m generator info                                what the bundle is and how good
"""

from generator.commands.compare import invert_command, neighbors_command
from generator.commands.draw import export_command, grid_command, icon_command, morph_command
from generator.commands.info import info_command
from generator.door import new_door
from generator.streams import plain_streams

app = new_door("From a bundle and a seed to a picture.")
app.command("icon")(icon_command)
app.command("grid")(grid_command)
app.command("morph")(morph_command)
app.command("export")(export_command)
app.command("neighbors")(neighbors_command)
app.command("invert")(invert_command)
app.command("info")(info_command)

if __name__ == "__main__":
    plain_streams()
    app(prog_name="python -m generator")
