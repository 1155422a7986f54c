# The image that the compiled pipeline's steps run in (components/base.py names it).
FROM python:3.11-slim
WORKDIR /cpfd
COPY requirements.lock .
RUN pip install --no-cache-dir --requirement requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps .
USER 1000
