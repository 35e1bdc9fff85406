"""Trying the monitor out: how often it fires when nothing happened, and how soon when something did."""
