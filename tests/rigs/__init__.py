"""What tests stand on: emulated boards and sensors, bundles by hand, clones, browsers."""
