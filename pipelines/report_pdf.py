"""The page of a validation report as a PDF, printed by a Chromium or Chrome that is on the machine.

The page carries its own print style: A4, a header, and a footer with the report's hash on each sheet. No browser is
among the requirements: where there is none, the page is printed from any browser by hand. A PDF is a copy to read; what
is signed and verified are report.json and the page.
"""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from model.errors import BadInput

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page that needs nothing but itself asks nobody
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)


def print_pdf(page: Path, out: Path) -> None:
    """Print `page` to `out`.

    Raises:
        BadInput: no such page, no browser, or the browser printed nothing.
    """
    if not page.is_file():
        raise BadInput(str(page), "there is no page to print", "run `radassist report` first")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        way_out = f"install one, or open {page} in any browser and print it"
        raise BadInput(f"PDF {out}", f"none of {', '.join(BROWSERS)} is on this machine", way_out)
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # which root cannot have
    with TemporaryDirectory() as profile:
        written = Path(profile) / "page.pdf"
        places = (f"--user-data-dir={profile}", f"--print-to-pdf={written}", page.absolute().as_uri())
        try:
            subprocess.run([browser, *OPTIONS, *sandbox, *places], capture_output=True, timeout=SECONDS, check=True)
            shutil.move(written, out)
        except (subprocess.SubprocessError, FileNotFoundError) as error:
            raise BadInput(f"PDF {out}", f"{browser} printed none: {error}", "print the page by hand") from error
