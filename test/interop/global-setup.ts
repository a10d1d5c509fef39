import { installForeignClients } from '../support/foreign-clients.ts';

/** Once, before the files run side by side: apt does one thing at a time. */
export default installForeignClients;
