"""The settings of the older portal as a real installation has them."""

SETTINGS_OF_CAMERA_0 = """# mine
cam0_index=0
cam0_id=/base/axi/pcie@1000120000/rp1/i2c@88000/imx219@10
cam0_name="Printer left (IMX219)"
cam0_width=1640
cam0_height=1232
cam0_fps=12
cam0_quality=medium
cam0_port=18081
cam0_bind=127.0.0.1
cam0_autofocus=0
cam0_snapshot_width=3280
cam0_snapshot_height=2464
cam0_snapshot_quality=95
"""
