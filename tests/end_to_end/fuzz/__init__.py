"""A fuzzer of the program: seeded inputs of many kinds, and the rules that each outcome must satisfy. See README.md."""
