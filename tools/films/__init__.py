"""What the films show: a module for each notebook, and what they draw with in `scenes`.

A module is named like its notebook, without the number. Its first sentence says what is to be seen,
for those who cannot see it, and its function `shots()` yields the film from what the library
computes: `Shot(scene, caption, seconds)`, one after the other. The first scene is also the poster.
"""
