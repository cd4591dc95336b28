"""The rules of licenses. One locking rule: whoever touches a plan's seats locks the plan's row first."""
