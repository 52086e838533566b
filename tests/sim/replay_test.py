"""The same seed shows the same world to the byte, in another process as well. Usage: replay_test.py SIM"""
import subprocess
import sys

WORLDS = 40


def timeline(sim, seed):
    told = subprocess.run([sim, "--seed", str(seed)], stdout=subprocess.PIPE, check=True, timeout=600).stdout
    lines = told.splitlines()
    assert len(lines) > 2, f"world {seed} tells nothing: {told!r}"
    return lines[:-1]  # the last one tells how fast it was


def main():
    sim = sys.argv[1]
    for seed in range(1, WORLDS + 1):
        first, second = timeline(sim, seed), timeline(sim, seed)
        for number, (one, two) in enumerate(zip(first, second), 1):
            assert one == two, f"world {seed}, line {number}: {one!r}, then {two!r}"
        assert len(first) == len(second), f"world {seed}: {len(first)} lines, then {len(second)}"
    subprocess.run([sim, "--twice", str(WORLDS), "--first", "1000"], check=True, timeout=600)
    print(f"{2 * WORLDS} worlds were the same twice")


if __name__ == "__main__":
    main()
