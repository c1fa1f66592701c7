"""What the commands are registered with."""

import tyro

app = tyro.extras.SubcommandApp()
