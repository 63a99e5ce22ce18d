/* A library that is not the driver but has a function of the same name as one of its. */
int cuMemGetInfo_v2(void);

int cuMemGetInfo_v2(void) {
    return 4711;
}
