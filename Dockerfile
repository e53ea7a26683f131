# pixelproof on CPU, as a user of its own. Build and run the demo, whose reports then lie in demo-run here:
#   docker build -t pixelproof .
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" pixelproof
# Any other command stands behind the name: docker run … pixelproof assess --model zoo:lenet --data bundled --out run
FROM python:3.12-slim AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/pixelproof \
 && /opt/pixelproof/bin/pip install --no-cache-dir --constraint constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu .

FROM python:3.12-slim
COPY --from=build /opt/pixelproof /opt/pixelproof
ENV PATH="/opt/pixelproof/bin:$PATH" PYTHONUNBUFFERED=1 HOME=/tmp
RUN useradd --create-home --uid 1000 pixelproof && install --directory --owner=pixelproof /work
USER 1000
WORKDIR /work
ENTRYPOINT ["pixelproof"]
CMD ["demo"]
