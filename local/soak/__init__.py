"""`make soak`: many clients use a running stack while its workers are killed at random; then everything is counted.

`plan` says what the clients ask for, `clients` ask it, `killer` kills, `ledger` reads what the stack holds,
`audit` compares, `run` is the whole.
"""
