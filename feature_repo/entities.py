"""What privileged features are about."""

from feast import Entity, ValueType

video = Entity(name="video", join_keys=["video_id"], value_type=ValueType.STRING, description="One short video")
