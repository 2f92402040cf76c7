"""The gate: may this commit, message or Welcome be accepted?"""
