"""Images for tests where no registry of images is reached."""
