"""The programs that precache is measured against, fetched by the ordinary clients of package registries."""
