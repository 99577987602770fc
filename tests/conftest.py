"""One thread for every test and every process it starts: two that wait for each other on a busy
machine are slower than one, by a lot."""
import os

os.environ["OMP_NUM_THREADS"] = "1"
