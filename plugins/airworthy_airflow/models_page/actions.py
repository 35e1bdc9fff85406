"""The page of each action: what it will do, a reason, and the act itself."""

from fastapi import APIRouter

router = APIRouter()
