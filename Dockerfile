# The bot in a container. On the CPU:   docker build -t mojigan .
# On CUDA (also needs the NVIDIA container toolkit, and `--gpus all` for `docker run`):
#                                       docker build -t mojigan --build-arg TORCH_INDEX=https://pypi.org/simple .

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# A second index for pip. The same version of PyTorch comes from here in its build for CPUs, some GB smaller.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/mojigan
ENV PATH=/opt/mojigan/bin:$PATH
WORKDIR /source
# The dependencies in a layer of their own: a changed line of the bot does not install PyTorch again.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *project['optional-dependencies']['postgres'], sep='\n')" > requirements.txt \
    && pip install --constraint constraints.txt --extra-index-url "$TORCH_INDEX" --requirement requirements.txt
COPY . .
RUN pip install --constraint constraints.txt --no-deps .

FROM python:${PYTHON}-slim
COPY --from=build /opt/mojigan /opt/mojigan
RUN useradd --uid 10001 --create-home mojigan && install --directory --owner=mojigan --group=mojigan /data
ENV PATH=/opt/mojigan/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MOJIGAN_DATA=/data \
    MOJIGAN_HEALTH_PORT=8080
USER mojigan
WORKDIR /home/mojigan
VOLUME /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 CMD ["python", "-m", "bot.probe"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
