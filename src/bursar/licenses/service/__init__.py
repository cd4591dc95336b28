"""The rules of licences. One locking rule: whoever touches a plan's seats locks the plan's row first."""
