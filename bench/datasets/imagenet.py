"""ImageNet, ILSVRC 2012: pictures of a thousand classes (Russakovsky et al., 2015).

Read from `imagenet/train/<wnid>/*.JPEG` and `imagenet/val/<wnid>/*.JPEG`. Training takes random
crops and flips, the test the middle 224 of 256 pixels (He et al., 2016, arXiv:1512.03385).
"""
from bench.data import Data
from bench.formats import archives, picture_folders

CLASSES = 1000
INPUT_SHAPE = (3, 224, 224)
TRAIN_IMAGES = 1281167
TEST_IMAGES = 50000
LICENCE = "research and education only, by agreement with https://image-net.org"
CHECKSUMS = {"ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
             "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622"}
SOURCE = archives.Source("imagenet", "", ("imagenet", "ILSVRC2012"), CHECKSUMS)


def load(root, *, size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
         verify=True):
    """Pictures read from `root` as they are needed; each reading for training is a new crop."""
    folder = archives.folder(SOURCE, root)
    train = picture_folders.counted("imagenet", folder / "train", picture_folders.listed(
        folder / "train"), TRAIN_IMAGES, CLASSES, verify)
    test = picture_folders.counted("imagenet", folder / "val", picture_folders.listed(
        folder / "val"), TEST_IMAGES, CLASSES, verify)
    cut = (size, resize, mean, std)
    return Data(picture_folders.Pictures(train, *cut), picture_folders.Pictures(test, *cut), None,
                picture_folders.RandomCrops(train, *cut))
