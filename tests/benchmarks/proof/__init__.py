"""Parts of `bench_statistics`: studies whose truth is known, judged by the code that judges real ones."""
