"""Packaging: everything comes from settings.ini, the one place of metadata and requirements."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="], interpolation=None)
config.read(here / "settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]


def lines(key: str) -> list[str]:
    "The non-empty lines of a multi-line setting."
    return [line.strip() for line in cfg.get(key, "").splitlines() if line.strip()]


setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    keywords=cfg["keywords"].split(),
    author=cfg["author"],
    license=cfg["license"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    packages=find_packages(include=["msan_nb", "msan_nb.*"]),
    include_package_data=True,
    package_data={"msan_nb": ["**/*.json", "**/*.safetensors", "**/*.js", "**/*.css", "**/*.html", "**/*.ipynb", "**/*.j2", "weights/**/*.csv", "weights/*.md"]},
    python_requires=f">={cfg['min_python']}",
    install_requires=lines("requirements"),
    extras_require={"dev": lines("dev_requirements"), "course": lines("course_requirements"), "docs": lines("docs_requirements")},
    entry_points={"console_scripts": lines("console_scripts"), "nbdev": [f"msan_nb={cfg['lib_path']}._modidx:d"]},
    classifiers=["Intended Audience :: Education", "Intended Audience :: Science/Research", "Programming Language :: Python :: 3"],
)
