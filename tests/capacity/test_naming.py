from include.capacity.naming import distinguished


def test_a_resource_that_is_alone_keeps_its_name() -> None:
    assert distinguished(["CPU", "disk"], [{"instance": "a"}, {"instance": "a"}]) == ["CPU", "disk"]


def test_instances_are_told_apart_by_the_label_in_which_they_differ() -> None:
    labels = [{"job": "ec2", "instance": "77c1ca"}, {"job": "ec2", "instance": "ac20cd"}]
    assert distinguished(["CPU", "CPU"], labels) == ["CPU 77c1ca", "CPU ac20cd"]


def test_of_two_labels_that_are_enough_the_shorter_one_is_named() -> None:
    labels = [{"device": "/dev/sda1", "mountpoint": "/"}, {"device": "/dev/sdb1", "mountpoint": "/home"}]
    assert distinguished(["disk", "disk"], labels) == ["disk /", "disk /home"]


def test_where_no_single_label_is_enough_all_that_differ_are_named() -> None:
    labels = [
        {"instance": "a", "mountpoint": "/"},
        {"instance": "a", "mountpoint": "/home"},
        {"instance": "b", "mountpoint": "/"},
    ]
    assert distinguished(["disk"] * 3, labels) == ["disk a, /", "disk a, /home", "disk b, /"]
