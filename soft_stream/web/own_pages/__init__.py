"""The owner's pages (`camN_www`): the files of a folder, served beside our own URLs."""
