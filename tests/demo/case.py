"""A whole market for the tests of one class: up before the first of them with everybody signed in, down after the last."""

import os
import shutil
import unittest

from demo.market import Market
from lib import workdir

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class MarketCase(unittest.TestCase):
    PREFIX = "bourse-mc-"  # of its folder
    PEOPLE = {}            # name → (password, groups)
    UP = ()                # further options of `bourse up`

    @classmethod
    def setUpClass(cls):
        cls.dir = workdir.fresh_dir(cls.PREFIX)
        cls.market = Market(os.environ["BOURSE_PROGRAMS"], cls.dir, os.environ.get("BOURSE_NODE") or shutil.which("node"),
                            os.path.join(TESTS, "idp"), cls.PEOPLE)
        cls.addClassCleanup(cls.market.down)
        cls.market.start_identity_provider()
        cls.market.up(*cls.UP)
        cls.people = {name: cls.market.person(name) for name in cls.PEOPLE}
        for person in cls.people.values():
            person.login()
