"""How long runs will take and what they will cost, before they begin and while they go on."""
