"""What people would write instead. Each module is packaged as the `app.py` of its own function."""
