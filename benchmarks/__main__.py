"""``python -m benchmarks``; what it starts imports this file again, and should not wait for all subjects."""

if __name__ == "__main__":
    from benchmarks.command import main

    main()
