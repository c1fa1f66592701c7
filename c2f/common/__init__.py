"""What every part leans on: checks of arguments, files, progress, streams of random numbers."""
