"""The console command ``airworthy``."""
