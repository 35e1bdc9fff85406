"""Settings of Sphinx, which makes the pages of this folder: ``make docs``."""

project = "Airworthy"
author = "Airworthy"
extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "html_image"]
# Pages link to files of the project, which are no pages.
suppress_warnings = ["myst.xref_missing_file"]
nitpicky = True
html_theme = "furo"
html_title = "Airworthy"
exclude_patterns = ["_build", "examples"]
